// SPDX-License-Identifier: Apache-2.0
#include "http/detail/codec.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <utility>

#include "http/detail/beast.h"
#include "http/target.h"

namespace howdah::http::detail {
namespace {

namespace bh = boost::beast::http;

constexpr std::size_t kHeaderCountMax = 100;

// Two of these mean that two readers of the message may disagree about it.
constexpr std::array<std::string_view, 6> kSingleHeaders{
    "Host", "Authorization", "X-API-Key", "Content-Type", "Transfer-Encoding", "Idempotency-Key"};

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  const LessIgnoringCase less;
  return left.size() == right.size() && !less(left, right) && !less(right, left);
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

std::unexpected<Error> parse_failure(const error_code& error, const ParserLimits& limits) {
  if (error == bh::error::body_limit) {
    return fail(ErrorCode::too_large,
                "the body is over the limit of " + std::to_string(limits.body_size_max) + " bytes");
  }
  if (error == bh::error::header_limit || error == bh::error::buffer_overflow) {
    return fail(ErrorCode::headers_too_large,
                "the request line and headers are over the limit of " +
                    std::to_string(limits.header_size_max) + " bytes");
  }
  return fail(ErrorCode::invalid_request, "this is no valid HTTP/1.1 message: " + error.message());
}

std::optional<Method> method_of(bh::verb verb) {
  switch (verb) {
    case bh::verb::get:
      return Method::get;
    case bh::verb::head:
      return Method::head;
    case bh::verb::post:
      return Method::post;
    case bh::verb::put:
      return Method::put;
    case bh::verb::patch:
      return Method::patch;
    case bh::verb::delete_:
      return Method::del;
    case bh::verb::options:
      return Method::options;
    default:
      return std::nullopt;
  }
}

// Several headers of one name become one list; those that must be single are refused.
Result<Headers> take_headers(const bh::fields& fields) {
  Headers headers;
  std::size_t count = 0;
  for (const auto& field : fields) {
    if (++count > kHeaderCountMax) {
      return fail(ErrorCode::headers_too_large,
                  "there are over " + std::to_string(kHeaderCountMax) + " headers");
    }
    const std::string_view name = view(field.name_string());
    const auto [entry, fresh] = headers.try_emplace(std::string(name), view(field.value()));
    if (fresh) continue;
    for (const std::string_view single : kSingleHeaders) {
      if (equal_ignoring_case(name, single)) {
        return fail(ErrorCode::invalid_request,
                    "the header " + std::string(single) + " came twice");
      }
    }
    entry->second.append(", ").append(view(field.value()));
  }
  return headers;
}

// The one loop around Beast's put(): as much as it takes now.
template <typename Parser>
Result<std::size_t> put_all(Parser& parser, std::string_view data, const ParserLimits& limits) {
  std::size_t consumed = 0;
  while (!parser.is_done()) {
    error_code error;
    const std::string_view rest = data.substr(consumed);
    const std::size_t used = parser.put(asio::const_buffer(rest.data(), rest.size()), error);
    consumed += used;
    if (error == bh::error::need_more) break;
    if (error) return parse_failure(error, limits);
    if (used == 0 || consumed == data.size()) break;
  }
  return consumed;
}

template <typename Parser>
void prepare(Parser& parser, const ParserLimits& limits) {
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(limits.header_size_max));
  parser.body_limit(limits.body_size_max);
}

std::string_view reason_of(int status) {
  return view(bh::obsolete_reason(bh::int_to_status(static_cast<unsigned>(status))));
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  out += "\r\n";
}

// Clock and formatting once a second, not once a response.
std::string_view date_now() {
  thread_local std::int64_t second = 0;
  thread_local std::string text;
  const std::int64_t now = std::time(nullptr);
  if (now != second) {
    second = now;
    text = http_date(now);
  }
  return text;
}

}  // namespace

struct RequestParser::Impl {
  ParserLimits limits;
  std::optional<bh::request_parser<bh::string_body>> parser;
  bool header_checked = false;

  void reset() {
    parser.emplace();
    prepare(*parser, limits);
    header_checked = false;
  }

  Result<void> check_header() {
    header_checked = true;
    const auto& message = parser->get();
    const std::string_view encoding = view(message[bh::field::transfer_encoding]);
    if (!encoding.empty() && !equal_ignoring_case(encoding, "chunked")) {
      return fail(ErrorCode::invalid_request, "the only transfer encoding here is 'chunked'");
    }
    if (message.version() >= 11 && message.count(bh::field::host) != 1) {
      return fail(ErrorCode::invalid_request, "an HTTP/1.1 request needs one Host header");
    }
    if (!method_of(message.method())) {
      return fail(
          ErrorCode::unsupported,
          "the method " + std::string(view(message.method_string())) + " is not known here");
    }
    return {};
  }
};

RequestParser::RequestParser(ParserLimits limits) : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
  impl_->reset();
}
RequestParser::~RequestParser() = default;

Result<std::size_t> RequestParser::feed(std::string_view data) {
  auto& parser = *impl_->parser;
  std::size_t skipped = 0;
  // RFC 9112, 2.2: an empty line before a request is ignored.
  if (!parser.got_some()) {
    while (data.starts_with("\r\n")) {
      data.remove_prefix(2);
      skipped += 2;
    }
    if (data.empty() || data == "\r") return skipped;
  }
  auto consumed = put_all(parser, data, impl_->limits);
  if (!consumed) return consumed;
  if (parser.is_header_done() && !impl_->header_checked) HOWDAH_CHECK(impl_->check_header());
  return skipped + *consumed;
}

bool RequestParser::header_done() const {
  return impl_->parser->is_header_done();
}
bool RequestParser::done() const {
  return impl_->parser->is_done();
}

bool RequestParser::expects_continue() const {
  const auto& message = impl_->parser->get();
  return message.version() >= 11 &&
         equal_ignoring_case(view(message[bh::field::expect]), "100-continue");
}

Result<RequestParser::Parsed> RequestParser::take() {
  const bool keep_alive = impl_->parser->keep_alive();
  auto message = impl_->parser->release();
  impl_->reset();
  Parsed parsed{{}, keep_alive, message.version() >= 11};
  parsed.request.method = *method_of(message.method());
  HOWDAH_TRY(parsed.request.headers, take_headers(message));
  HOWDAH_TRY(Target target, parse_target(view(message.target())));
  parsed.request.path = std::move(target.path);
  parsed.request.query = std::move(target.query);
  parsed.request.body = std::move(message.body());
  return parsed;
}

std::string RequestParser::path_so_far() const {
  const auto target = parse_target(view(impl_->parser->get().target()));
  return target ? target->path : "/";
}

struct ResponseParser::Impl {
  ParserLimits limits;
  bh::response_parser<bh::string_body> parser;
};

ResponseParser::ResponseParser(ParserLimits limits, bool head_only)
    : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
  prepare(impl_->parser, limits);
  impl_->parser.skip(head_only);
}
ResponseParser::~ResponseParser() = default;

Result<std::size_t> ResponseParser::feed(std::string_view data) {
  return put_all(impl_->parser, data, impl_->limits);
}

Result<void> ResponseParser::feed_end() {
  error_code error;
  if (impl_->parser.is_header_done() && !impl_->parser.is_done()) impl_->parser.put_eof(error);
  if (error || !impl_->parser.is_done()) {
    return fail(ErrorCode::unavailable, "the connection ended in the middle of a response");
  }
  return {};
}

bool ResponseParser::header_done() const {
  return impl_->parser.is_header_done();
}
bool ResponseParser::done() const {
  return impl_->parser.is_done();
}
bool ResponseParser::keep_alive() const {
  return impl_->parser.keep_alive();
}
int ResponseParser::status() const {
  return static_cast<int>(impl_->parser.get().result_int());
}
std::string ResponseParser::take_body_part() {
  return std::exchange(impl_->parser.get().body(), {});
}

Response ResponseParser::take() {
  auto message = impl_->parser.release();
  Response response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    const auto [entry, fresh] =
        response.headers.try_emplace(std::string(view(field.name_string())), view(field.value()));
    if (!fresh) entry->second.append(", ").append(view(field.value()));
  }
  response.body = std::move(message.body());
  return response;
}

void append_response_head(std::string& out, const Response& response, const HeadOptions& options) {
  out += "HTTP/1.1 ";
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), response.status).ptr;
  out.append(digits.begin(), end) += ' ';
  out.append(reason_of(response.status)) += "\r\n";
  append_header(out, "Date", date_now());
  if (!options.request_id.empty()) append_header(out, "X-Request-Id", options.request_id);
  for (const auto& [name, value] : response.headers) append_header(out, name, value);
  // Answers hold secrets and live state: nothing on the way may keep them unless a handler says so.
  if (!response.headers.contains("Cache-Control")) append_header(out, "Cache-Control", "no-store");
  append_header(out, "X-Content-Type-Options", "nosniff");
  if (options.strict_transport) {
    append_header(out, "Strict-Transport-Security", "max-age=31536000");
  }
  if (options.chunked) {
    append_header(out, "Transfer-Encoding", "chunked");
  } else if (options.has_length && !response.headers.contains("Content-Length") &&
             response.status != 204 && response.status != 304) {
    append_header(out, "Content-Length", std::to_string(response.body.size()));
  }
  append_header(out, "Connection", options.keep_alive ? "keep-alive" : "close");
  out += "\r\n";
}

void append_request(std::string& out, const Request& request) {
  out.append(to_string(request.method)) += ' ';
  out += format_target(request.path, request.query);
  out += " HTTP/1.1\r\n";
  if (!request.headers.contains("Host")) append_header(out, "Host", "localhost");
  for (const auto& [name, value] : request.headers) append_header(out, name, value);
  const bool carries_body = request.method == Method::post || request.method == Method::put ||
                            request.method == Method::patch;
  if (carries_body || !request.body.empty()) {
    append_header(out, "Content-Length", std::to_string(request.body.size()));
  }
  out += "\r\n";
  out += request.body;
}

std::string http_date(std::int64_t unix_s) {
  const std::time_t time = unix_s;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace howdah::http::detail

// SPDX-License-Identifier: Apache-2.0
// howdah volume: what is left for databases, and more of it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <limits>
#include <memory>

#include "base/units.h"
#include "cli/commands/volume_commands.h"
#include "cli/context.h"
#include "cli/style.h"

namespace howdah::cli {
namespace {

constexpr int kBarWidth = 40;

ByteCount bytes_of(const boost::json::object& volume, std::string_view name) {
  return volume.at(name).to_number<ByteCount>();
}

Result<int> print_volume(Context& context, const boost::json::object& volume) {
  if (context.format() != OutputFormat::table) {
    context.print_object(volume);
    return 0;
  }
  const VolumePicture picture{bytes_of(volume, "size_bytes"), bytes_of(volume, "free_bytes"),
                              bytes_of(volume, "ballast_bytes"),
                              bytes_of(volume, "refuse_below_bytes"),
                              bytes_of(volume, "suspend_below_bytes")};
  const std::string state(volume.at("state").as_string());
  const std::string bar = volume_bar(picture, kBarWidth);
  fmt::print("{}\n", state == "ok"    ? style::green(bar)
                     : state == "low" ? style::yellow(bar)
                                      : style::red(bar));
  fmt::print("#  {} used, of which {} are ballast, kept for when it is full\n",
             to_pretty(picture.size - picture.free), to_pretty(picture.ballast));
  fmt::print(".  {} free of {}\n", to_pretty(picture.free), to_pretty(picture.size));
  fmt::print("!  below {} free, new databases are refused\n", to_pretty(picture.refuse));
  fmt::print("X  below {} free, what grows is suspended\n", to_pretty(picture.suspend));
  const auto held = volume.at("databases_held_back").to_number<std::int64_t>();
  if (held > 0) {
    fmt::print("{}\n", style::bold(fmt::format("{} held back until there is room", held)));
  }
  if (state != "ok" && volume.at("can_grow").as_bool()) {
    context.say("More room: howdah volume grow +5G");
  }
  return 0;
}

Result<int> show_volume(Context& context) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/volume"));
  return print_volume(context, answer.at("data").as_object());
}

Result<int> grow_volume(Context& context, const std::string& text) {
  HOWDAH_TRY(const VolumeSize wanted, parse_volume_size(text));
  boost::json::object body;
  body[wanted.added ? "addBytes" : "sizeBytes"] = wanted.bytes;
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, "/api/volume/grow", body));
  context.say(answer.at("message").as_string());
  return print_volume(context, answer.at("data").as_object());
}

}  // namespace

Result<VolumeSize> parse_volume_size(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorCode::invalid_request, fmt::format("'{}' is no size", text),
                "give it as 20G, +5G or 512M (units of 1024), or in bytes");
  };
  VolumeSize size;
  std::string_view rest = text;
  if (rest.starts_with('+')) {
    size.added = true;
    rest.remove_prefix(1);
  }
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size.bytes);
  if (error != std::errc() || size.bytes == 0) return wrong();
  std::string_view unit(end, static_cast<std::size_t>(rest.data() + rest.size() - end));
  if (unit.ends_with('B')) unit.remove_suffix(1);
  if (unit.ends_with('i')) unit.remove_suffix(1);
  int shift = 0;
  if (!unit.empty()) {
    constexpr std::string_view kUnits = "KMGT";
    const std::size_t at = unit.size() == 1 ? kUnits.find(unit.front()) : kUnits.npos;
    if (at == kUnits.npos) return wrong();
    shift = 10 * (static_cast<int>(at) + 1);
  }
  if (size.bytes > std::numeric_limits<std::int64_t>::max() >> shift) return wrong();
  size.bytes <<= shift;
  return size;
}

// "[###################.........!!!!!!XX]": what is free is drawn at the right, up to each bound.
std::string volume_bar(const VolumePicture& volume, int width) {
  if (volume.size == 0) return "[]";
  const auto cells = [&](ByteCount bytes) {
    return static_cast<int>((bytes * static_cast<ByteCount>(width) + volume.size / 2) /
                            volume.size);
  };
  const int free = cells(std::min(volume.free, volume.size));
  std::string bar(static_cast<std::size_t>(width), '#');
  for (int left = 1; left <= free; ++left) {
    // The cell that is used up last is the one furthest right.
    char& cell = bar[static_cast<std::size_t>(width - left)];
    cell = left <= cells(volume.suspend) ? 'X' : left <= cells(volume.refuse) ? '!' : '.';
  }
  return "[" + bar + "]";
}

void add_volume_commands(CLI::App& app, Context& context) {
  CLI::App* volume = app.add_subcommand("volume", "The disk space of all databases");
  volume->require_subcommand(1);
  CLI::App* show = volume->add_subcommand("show", "How full it is, and what happens when");
  add_example(*show, "howdah volume show");
  show->callback([&context] { context.action = [&context] { return show_volume(context); }; });
  auto size = std::make_shared<std::string>();
  CLI::App* grow = volume->add_subcommand("grow", "Make it larger, while databases run");
  grow->add_option("size", *size, "The size it is to have, or +SIZE")
      ->type_name("SIZE")
      ->required();
  add_example(*grow, "howdah volume grow +5G");
  grow->callback([&context, size] {
    context.action = [&context, size] { return grow_volume(context, *size); };
  });
}

}  // namespace howdah::cli

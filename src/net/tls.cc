// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <string_view>

#include "net/task.h"

namespace howdah::net {
namespace {

bool is_address(const std::string& host) {
  error_code error;
  (void)asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

Result<TlsContext> make_tls_server_context(const std::string& certificate_chain_pem,
                                           const std::string& private_key_pem) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  error_code error;
  context->use_certificate_chain(asio::buffer(certificate_chain_pem), error);
  if (!error) context->use_private_key(asio::buffer(private_key_pem), ssl::context::pem, error);
  if (error) return fail_net("load the TLS certificate", error);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  // Renegotiation has no use here and lets a client spend our CPU.
  SSL_CTX_set_options(
      native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  constexpr std::string_view kSessionId = "howdah";
  SSL_CTX_set_session_id_context(native, reinterpret_cast<const unsigned char*>(kSessionId.data()),
                                 static_cast<unsigned>(kSessionId.size()));
  return context;
}

Result<TlsContext> make_tls_client_context(const std::string& ca_pem, const std::string& host) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  error_code error;
  if (ca_pem.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->add_certificate_authority(asio::buffer(ca_pem), error);
  }
  if (error) {
    return fail(ErrorCode::config_invalid, "the CA certificate is unusable: " + error.message());
  }
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(native);
  const int set = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str())
                                   : X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  if (set != 1) return fail(ErrorCode::config_invalid, "'" + host + "' is no host name");
  return context;
}

void set_server_name(ssl_st* connection, const std::string& host) {
  if (!is_address(host)) SSL_set_tlsext_host_name(connection, host.c_str());
}

}  // namespace howdah::net

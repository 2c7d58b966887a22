// SPDX-License-Identifier: Apache-2.0
// TLS settings of every listener and client in one place: TLS 1.2 at least.
#pragma once
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/error.h"

struct ssl_st;  // OpenSSL's SSL

namespace howdah::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// PEM texts: the leaf first, then its chain; an unencrypted key that belongs to it.
Result<TlsContext> make_tls_server_context(const std::string& certificate_chain_pem,
                                           const std::string& private_key_pem);

// For connecting to `host` (a name or an address): the other side must prove to be it by a
// certificate of ca_pem, or of the machine's own CAs when that is empty.
// Errors: config_invalid when ca_pem is no certificate.
Result<TlsContext> make_tls_client_context(const std::string& ca_pem, const std::string& host);
// Tells the server which host is wanted (SNI), before the handshake. Addresses are not sent.
void set_server_name(ssl_st* connection, const std::string& host);

}  // namespace howdah::net

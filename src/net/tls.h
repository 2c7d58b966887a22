// SPDX-License-Identifier: Apache-2.0
// TLS settings of every listener and client in one place: TLS 1.2 at least.
#pragma once
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/error.h"

namespace howdah::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// PEM texts: the leaf first, then its chain; an unencrypted key that belongs to it.
Result<TlsContext> make_tls_server_context(const std::string& certificate_chain_pem,
                                           const std::string& private_key_pem);

}  // namespace howdah::net

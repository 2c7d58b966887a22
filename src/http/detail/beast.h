// SPDX-License-Identifier: Apache-2.0
// Beast with its functions compiled once, in beast.cc. Included by codec.cc and beast.cc only: it
// costs seconds a file.
#pragma once
#define BOOST_BEAST_SEPARATE_COMPILATION
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

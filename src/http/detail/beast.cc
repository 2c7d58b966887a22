// SPDX-License-Identifier: Apache-2.0
// Beast's own functions, compiled once for the program.
#include "http/detail/beast.h"

#include <boost/beast/src.hpp>

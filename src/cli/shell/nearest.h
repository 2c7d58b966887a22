// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace howdah::cli {

// The candidate that was most likely meant by a mistyped word: the fewest letters inserted, left
// out, replaced or swapped, at most a third of the word's length (and at least one). Empty: none is
// near, or two are equally near. Cost: words over 40 letters have no neighbour.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace howdah::cli

// SPDX-License-Identifier: Apache-2.0
// The gate's own copy of its routes, so that it serves when howdahd is down
// (docs/formats/route-file.md).
//
// One line is one RouteUpdate with a checksum: a snapshot, then the changes since. append() adds a
// line and replace() writes the file anew, both durable when they return. A line that is cut off or
// damaged ends the file at that point: what is missing comes again over the route stream, since the
// gate names the version it has kept.
// Blocks: call it on a pool thread, one call at a time.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "gate/route_table.h"
#include "os/file.h"

namespace howdah::gate {

std::string encode_route_line(const RouteUpdate& update);

struct DecodedRoutes {
  std::vector<RouteUpdate> updates;
  ByteCount good_bytes = 0;  // of the text; what follows is damaged
};
DecodedRoutes decode_route_file(std::string_view text);

class RouteFile {
 public:
  // The folder exists and belongs to the gate.
  explicit RouteFile(os::Path path) : path_(std::move(path)) {}

  // Everything the file holds, in order; cuts a damaged tail off. No file: nothing.
  // Errors: io_error, too_large.
  Result<std::vector<RouteUpdate>> load();
  // After a failed append the file may end in half a line: the next call must be replace().
  Result<void> append(const std::vector<RouteUpdate>& changes);
  Result<void> replace(const RouteUpdate& snapshot);
  // The changes outweigh the snapshot they follow, or there is none: replace() is due.
  bool wants_replacing() const;

 private:
  os::Path path_;
  os::UniqueFd file_;  // open for appending
  ByteCount snapshot_bytes_ = 0;
  ByteCount change_bytes_ = 0;
  bool damaged_ = true;  // until load() or replace() went well
};

}  // namespace howdah::gate

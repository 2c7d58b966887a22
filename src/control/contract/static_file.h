// SPDX-License-Identifier: Apache-2.0
// Files that are compiled into howdahd and served as they are. Plain values, no I/O.
#pragma once
#include <string>

#include "control/embedded.h"
#include "http/message.h"

namespace howdah::control {

struct StaticFile {
  std::string_view content_type;
  std::string_view text;  // in the binary itself
  std::string etag;       // strong: of the bytes, so that it changes with them and only then
};

// The media type follows the name's ending; an ending that is not known is shown as plain text.
StaticFile make_static_file(const EmbeddedFile& file);

// 200 with the file, or 304 where If-None-Match names its ETag. Browsers keep it and ask each time,
// so an upgraded howdahd never meets files of the older one. Nobody may frame it or guess its type,
// and a page among them may load and call this server only.
http::Response respond(const StaticFile& file, const http::Request& request);

}  // namespace howdah::control

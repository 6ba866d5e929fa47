// The access log: a line a request, written by a thread of its own; never what was asked or answered.
#pragma once

#include <functional>
#include <string>

#include "server/http.h"

namespace hearth {

// `path`: a file to add to, or "-" for standard error. A line: time, peer, method, path, status, bytes, milliseconds. Lines are
// dropped rather than waited for.
Result<std::function<void(const AccessRecord&)>> open_access_log(const std::string& path);

}  // namespace hearth

// One GET to a server on this network, for commands that watch a running `hearth serve`.
#pragma once

#include <string>

#include "hearth.hpp"

namespace cli {

struct Address {
  std::string host = "127.0.0.1";
  int port = 7411;
  std::string api_key;
};

// The body of a 200, else the line that says what came instead.
hearth::api::Answer<std::string> http_get(const Address& address, const std::string& target);

}  // namespace cli

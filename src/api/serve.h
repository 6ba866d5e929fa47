// Serving: options in JSON -> a server whose models are opened, and baked where needed, when somebody asks for them.
#pragma once

#include "api/model.h"
#include "server/server.h"

namespace hearth {

// As include/hearth.h describes hearth_serve's options. Errors name the key.
Result<Server> open_server(const char* options_json, const OnProgress& on_progress);

}  // namespace hearth

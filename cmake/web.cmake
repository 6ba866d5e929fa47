# The chat page in the program: apps/web/dist, which is committed, becomes library hearth_web. No npm is needed for that;
# whoever changes apps/web/src runs `npm ci && npm run build` there and commits dist, and test web.dist_is_fresh compares.
find_package(ZLIB REQUIRED)

file(GLOB_RECURSE web_dist CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/apps/web/dist/*)
if(NOT web_dist)
  message(FATAL_ERROR "apps/web/dist holds no chat page; with nodejs and npm installed: (cd apps/web && npm ci && npm run build)")
endif()

add_executable(hearth_embed ${CMAKE_SOURCE_DIR}/apps/web/embed.cpp)
target_link_libraries(hearth_embed PRIVATE ZLIB::ZLIB)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/web/web_assets.cpp
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/web
  COMMAND hearth_embed ${CMAKE_SOURCE_DIR}/apps/web/dist ${CMAKE_BINARY_DIR}/web/web_assets.cpp
  DEPENDS hearth_embed ${web_dist} VERBATIM)
add_library(hearth_web STATIC ${CMAKE_BINARY_DIR}/web/web_assets.cpp)
target_include_directories(hearth_web PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(hearth_web PUBLIC ZLIB::ZLIB)   # for clients that do not take gzip
if(TARGET hearth_server)
  get_target_property(server_kind hearth_server TYPE)
  if(server_kind STREQUAL "STATIC_LIBRARY")
    target_link_libraries(hearth_server PUBLIC hearth_web)
  else()
    target_link_libraries(hearth_server INTERFACE hearth_web)
  endif()
endif()

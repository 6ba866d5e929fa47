// The files of the chat page as they lie in the program; the build makes them from apps/web/dist.
#pragma once

#include <span>
#include <string_view>

namespace hearth {

struct WebAsset {
  std::string_view path;  // as asked for: "/assets/index-1a2b.js"; the page itself is "/"
  std::string_view content_type;
  std::string_view etag;  // with its quotes
  std::span<const unsigned char> bytes;
  bool gzip;  // the bytes are compressed; not so where it would save nothing
};

// Sorted by path.
std::span<const WebAsset> web_assets();

// Files under /assets/ have their content's hash in their name, so browsers may keep them for good.
inline bool is_immutable(const WebAsset& asset) { return asset.path.starts_with("/assets/"); }

}  // namespace hearth

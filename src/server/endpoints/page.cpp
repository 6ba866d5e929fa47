// GET / and what the chat page is made of; it talks to this server alone and needs no network.
#include <boost/beast/zlib/inflate_stream.hpp>

#include "server/endpoint.h"
#include "server/web_assets.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, page)

namespace {

constexpr size_t kGzipHeader = 10, kGzipTrailer = 8;  // of files without a name, as the build makes them
constexpr char kPolicy[] =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const WebAsset* find(const std::string& path) {
  for (const WebAsset& asset : web_assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

std::string as_text(std::span<const unsigned char> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// For clients that take no gzip. The bytes are our own build's; what does not unpack is sent empty.
std::string unpacked(const WebAsset& asset) {
  if (asset.bytes.size() < kGzipHeader + kGzipTrailer) return "";
  const auto packed = asset.bytes.subspan(kGzipHeader, asset.bytes.size() - kGzipHeader - kGzipTrailer);
  const unsigned char* end = asset.bytes.data() + asset.bytes.size();
  const size_t size = end[-4] | end[-3] << 8 | end[-2] << 16 | static_cast<size_t>(end[-1]) << 24;
  std::string text(size, 0);
  boost::beast::zlib::inflate_stream stream;
  boost::beast::zlib::z_params params{
      .next_in = packed.data(), .avail_in = packed.size(), .next_out = text.data(), .avail_out = text.size()};
  boost::beast::error_code failed;
  stream.write(params, boost::beast::zlib::Flush::finish, failed);
  return failed && failed != boost::beast::zlib::error::end_of_stream ? "" : text;
}

bool accepts_gzip(const HttpRequest& request) {
  const std::string* accepted = request.header("Accept-Encoding");
  return accepted != nullptr && accepted->find("gzip") != std::string::npos;
}

void answer(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  const WebAsset* asset = services.page ? find(request.path) : nullptr;
  if (asset == nullptr)
    return send_error(*reply, not_found(fmt::format("'{}': nothing is served here", request.path), "unknown_url"));
  HttpHeaders headers = {{"ETag", std::string(asset->etag)},
                         {"Cache-Control", is_immutable(*asset) ? "public, max-age=31536000, immutable" : "no-cache"},
                         {"Content-Security-Policy", kPolicy},
                         {"X-Content-Type-Options", "nosniff"},
                         {"Referrer-Policy", "no-referrer"},
                         {"Vary", "Accept-Encoding"}};
  const std::string* known = request.header("If-None-Match");
  if (known != nullptr && *known == asset->etag)
    return reply->send(304, std::string(asset->content_type), "", std::move(headers));
  const bool packed = asset->gzip && accepts_gzip(request);
  if (packed) headers.emplace_back("Content-Encoding", "gzip");
  reply->send(200, std::string(asset->content_type), asset->gzip && !packed ? unpacked(*asset) : as_text(asset->bytes),
              std::move(headers));
}

}  // namespace

// Last in the routes: what no other endpoint answers may be a file of the page.
Endpoint page() { return {.method = "GET", .path = "/*", .access = Admission::open, .answer = answer}; }

}  // namespace hearth

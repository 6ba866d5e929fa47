// The chat page as it lies in the program: complete, asking nobody else for anything, and readable by any client.
#include "server/web_assets.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <regex>
#include <string>

namespace hearth {
namespace {

std::string text_of(const WebAsset& asset) {
  if (!asset.gzip) return {reinterpret_cast<const char*>(asset.bytes.data()), asset.bytes.size()};
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(8 << 20, '\0');
  stream.next_in = const_cast<Bytef*>(asset.bytes.data());
  stream.avail_in = static_cast<uInt>(asset.bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END) << asset.path;
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

const WebAsset* find(std::string_view path) {
  for (const WebAsset& asset : web_assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

TEST(WebAssets, AreSortedTypedAndTagged) {
  const auto assets = web_assets();
  ASSERT_GE(assets.size(), 10u);
  EXPECT_TRUE(std::ranges::is_sorted(assets, {}, &WebAsset::path));
  for (const WebAsset& asset : assets) {
    EXPECT_TRUE(asset.path.starts_with("/"));
    EXPECT_FALSE(asset.content_type.empty()) << asset.path;
    EXPECT_TRUE(asset.etag.size() == 18 && asset.etag.front() == '"' && asset.etag.back() == '"') << asset.path;
    EXPECT_FALSE(text_of(asset).empty()) << asset.path;
  }
  EXPECT_EQ(find("/index.html"), nullptr);
}

TEST(WebAssets, PageNamesOnlyWhatIsThere) {
  const WebAsset* page = find("/");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  const std::string html = text_of(*page);
  const std::regex reference(R"re((?:src|href)="([^"]*)")re");
  int count = 0;
  for (std::sregex_iterator at(html.begin(), html.end(), reference), end; at != end; ++at, ++count) {
    const std::string name = (*at)[1];
    ASSERT_TRUE(name.starts_with("./")) << name;
    EXPECT_NE(find(name.substr(1)), nullptr) << name;
  }
  EXPECT_GE(count, 4);
  EXPECT_EQ(html.find("<script>"), std::string::npos)
      << "a script in the page breaks the policy \"default-src 'self'\"";
}

TEST(WebAssets, StylesFindTheirFonts) {
  int count = 0;
  for (const WebAsset& asset : web_assets()) {
    if (!asset.path.ends_with(".css")) continue;
    const std::string css = text_of(asset);
    const std::regex reference(R"(url\(\.?/?([^)]*)\))");
    for (std::sregex_iterator at(css.begin(), css.end(), reference), end; at != end; ++at, ++count) {
      EXPECT_NE(find("/assets/" + std::string((*at)[1])), nullptr) << (*at)[1];
    }
  }
  EXPECT_GE(count, 10);
}

TEST(WebAssets, AreSmall) {
  size_t whole = 0, packed = 0;
  for (const WebAsset& asset : web_assets()) {
    whole += text_of(asset).size();
    packed += asset.bytes.size();
  }
  EXPECT_LT(whole, 1'200'000u);
  EXPECT_LT(packed, 600'000u);
}

}  // namespace
}  // namespace hearth

// Turns the files of a folder into a C++ source with their bytes: embed DIST OUT.cpp. Runs while Hearth is built.
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// A file of another kind stops the build: it would be served as something that browsers do not run.
const std::map<std::string, std::string> kContentTypes = {
    {".css", "text/css; charset=utf-8"},       {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"}, {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},     {".woff2", "font/woff2"},
};

int fail(const std::string& line) {
  std::fprintf(stderr, "embed: %s\n", line.c_str());
  return 1;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Empty where compressing failed. No time and no name go in: the same bytes give the same result.
std::string gzip(const std::string& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) return "";
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

// FNV-1a, 64 bits: tells versions of a file apart.
std::string etag(const std::string& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  char text[32];
  std::snprintf(text, sizeof text, "\\\"%016llx\\\"", static_cast<unsigned long long>(hash));
  return text;
}

// As a string literal, which compilers read a hundred times faster than a list of numbers.
std::string literal(const std::string& bytes) {
  std::string out = "\"";
  int column = 0;
  char text[8];
  for (const unsigned char byte : bytes) {
    const bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '?';
    if (plain) {
      out += static_cast<char>(byte);
    } else {
      std::snprintf(text, sizeof text, "\\%03o", byte);
      out += text;
    }
    if (++column % 100 == 0) out += "\"\n\"";
  }
  return out + "\"";
}

struct Row {
  std::string path;
  std::string type;
  std::string etag;
  std::string bytes;
  bool gzip;
};

std::string source(const std::vector<Row>& rows) {
  std::string out =
      "// Made by apps/web/embed.cpp.\n#include \"server/web_assets.h\"\n\nnamespace hearth {\nnamespace {\n\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += "const unsigned char kBytes" + std::to_string(i) + "[] =\n" + literal(rows[i].bytes) + ";\n";
  }
  out += "\nconst WebAsset kAssets[] = {\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string size = std::to_string(rows[i].bytes.size());
    out += "  {\"" + rows[i].path + "\", \"" + rows[i].type + "\", \"" + rows[i].etag + "\", {kBytes" +
           std::to_string(i) + ", " + size + "}, " + (rows[i].gzip ? "true" : "false") + "},\n";
  }
  return out +
         "};\n\n}  // namespace\n\nstd::span<const WebAsset> web_assets() { return kAssets; }\n\n}  // namespace "
         "hearth\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("want embed DIST OUT.cpp");
  const fs::path dist = argv[1];
  std::vector<Row> rows;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(dist, error)) {
    if (!entry.is_regular_file()) continue;
    const auto type = kContentTypes.find(entry.path().extension().string());
    if (type == kContentTypes.end()) return fail("no content type for " + entry.path().string());
    std::string path = "/" + entry.path().lexically_relative(dist).generic_string();
    if (path == "/index.html") path = "/";
    const std::string bytes = read(entry.path());
    std::string packed = gzip(bytes);
    const bool smaller = !packed.empty() && packed.size() < bytes.size() * 9 / 10;
    rows.push_back({path, type->second, etag(bytes), smaller ? packed : bytes, smaller});
  }
  if (error || rows.empty())
    return fail("no files in " + dist.string() + "; run `npm ci && npm run build` in apps/web");
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.path < b.path; });
  if (rows[0].path != "/") return fail("no index.html in " + dist.string());
  std::ofstream out(argv[2], std::ios::binary);
  out << source(rows);
  out.close();
  return out ? 0 : fail(std::string("cannot write ") + argv[2]);
}

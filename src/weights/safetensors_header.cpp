// The safetensors header: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...} read as a stream.
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "weights/checks.h"
#include "weights/safetensors.h"

namespace hearth {
namespace {

// Receives the JSON's events; the first thing out of place stops the parse and stays in failure_.
class HeaderEvents : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderEvents(std::string_view who) : who_(who) {}

  std::vector<SafetensorsEntry> entries;
  std::string failure;

  bool null() override { return misplaced("null"); }
  bool boolean(bool) override { return misplaced("true or false"); }
  bool number_float(number_float_t, const string_t& text) override { return misplaced("number " + text); }
  bool binary(binary_t&) override { return misplaced("bytes"); }
  bool number_integer(number_integer_t value) override { return misplaced(fmt::format("number {}", value)); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::shape) {
      if (value > static_cast<uint64_t>(INT64_MAX)) return fail("got an axis of {}, want less than 2^63", value);
      if (entries.back().shape.size() >= kAxes) return fail("got more than {} axes", kAxes);
      entries.back().shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place_ == Place::offsets) {
      if (offsets_ >= 2) return fail("got more than two data_offsets, want [begin, end]");
      (offsets_++ == 0 ? entries.back().begin : entries.back().end) = value;
      return true;
    }
    return misplaced(fmt::format("number {}", value));
  }

  bool string(string_t& text) override {
    if (place_ == Place::metadata) return true;
    if (place_ != Place::tensor || key_ != kDtype) return misplaced("string " + shown(text));
    entries.back().dtype = text;
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::outside)
      place_ = Place::header;
    else if (place_ == Place::metadata_value)
      place_ = Place::metadata;
    else if (place_ == Place::tensor_value)
      place_ = Place::tensor;
    else
      return misplaced("an object");
    return true;
  }

  bool key(string_t& name) override {
    if (place_ == Place::header) return begin_entry(name);
    if (place_ == Place::metadata) return true;
    key_ = name == "dtype" ? kDtype : name == "shape" ? kShape : name == "data_offsets" ? kOffsets : kNone;
    if (key_ == kNone) return fail("got key {}, want dtype, shape and data_offsets", shown(name));
    if (seen_ & key_) return fail("got key {} twice", shown(name));
    seen_ |= key_;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      if (seen_ != (kDtype | kShape | kOffsets))
        return fail("got no {}, want dtype, shape and data_offsets", missing());
      if (offsets_ != 2) return fail("got {} data_offsets, want [begin, end]", offsets_);
    }
    place_ = place_ == Place::header ? Place::outside : Place::header;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::tensor || (key_ != kShape && key_ != kOffsets)) return misplaced("a list");
    place_ = key_ == kShape ? Place::shape : Place::offsets;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception&) override {
    failure = fmt::format("{}: header: got text that is no valid JSON at its byte {}", who_, at);
    return false;
  }

 private:
  enum class Place { outside, header, metadata_value, metadata, tensor_value, tensor, shape, offsets };
  enum Key : unsigned { kNone = 0, kDtype = 1, kShape = 2, kOffsets = 4 };
  static constexpr size_t kAxes = 16;

  bool begin_entry(const std::string& name) {
    if (!names_.insert(name).second) return fail_header("got {} twice", shown(name));
    if (name == "__metadata__") {
      place_ = Place::metadata_value;
      return true;
    }
    if (auto named = check_name(name, "tensor", who_); !named.ok()) {
      failure = named.message();
      return false;
    }
    entries.push_back({.name = name});
    place_ = Place::tensor_value;
    key_ = kNone;
    seen_ = 0;
    offsets_ = 0;
    return true;
  }

  const char* missing() const { return !(seen_ & kDtype) ? "dtype" : !(seen_ & kShape) ? "shape" : "data_offsets"; }

  bool misplaced(const std::string& what) {
    if (place_ == Place::outside) return fail_header("got {}, want an object of tensors", what);
    if (place_ == Place::metadata_value || place_ == Place::metadata)
      return fail_header("__metadata__: got {}, want strings only", what);
    if (place_ == Place::shape || key_ == kShape) return fail("shape: got {}, want whole numbers from 0", what);
    if (place_ == Place::offsets || key_ == kOffsets) return fail("data_offsets: got {}, want two whole numbers", what);
    return fail("got {}, want {}", what, key_ == kDtype ? "the dtype's name" : "dtype, shape and data_offsets");
  }

  template <class... Args>
  bool fail(fmt::format_string<Args...> format, Args&&... args) {
    failure = fmt::format("{}: tensor {}: ", who_, shown(entries.empty() ? "" : entries.back().name)) +
              fmt::format(format, std::forward<Args>(args)...);
    return false;
  }

  template <class... Args>
  bool fail_header(fmt::format_string<Args...> format, Args&&... args) {
    failure = fmt::format("{}: header: ", who_) + fmt::format(format, std::forward<Args>(args)...);
    return false;
  }

  std::string_view who_;
  Place place_ = Place::outside;
  Key key_ = kNone;
  unsigned seen_ = 0;
  int offsets_ = 0;
  std::set<std::string> names_;
};

}  // namespace

Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view header, std::string_view who) {
  if (!is_utf8(header)) return error("{}: header: got bytes that are no UTF-8, want JSON", who);
  HeaderEvents events(who);
  const bool parsed = Json::sax_parse(header.begin(), header.end(), &events);
  if (!parsed) {
    CHECK(!events.failure.empty(), "safetensors header refused without a reason");
    return Error{events.failure};
  }
  return std::move(events.entries);
}

}  // namespace hearth

// Options: a JSON object given to the C API; unknown keys and wrong types are errors that name the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hearth {

struct Range {
  double least, most;
};

class Options {
 public:
  // `json` null or "": no options. `who` starts every error's line.
  static Result<Options> parse(const char* json, const std::string& who, const std::vector<std::string>& known);

  bool has(const std::string& key) const;
  const OrderedJson& operator[](const std::string& key) const { return values_.at(key); }      // only after has()

  // The value of `key`, or `fallback` where it is absent or null.
  Result<std::string> text(const std::string& key, const std::string& fallback) const;
  Result<std::vector<std::string>> texts(const std::string& key) const;
  Result<int64_t> integer(const std::string& key, int64_t fallback, Range range) const;
  Result<double> number(const std::string& key, double fallback, Range range) const;
  Result<bool> flag(const std::string& key, bool fallback) const;
  // ids as int32; an absent key is an empty list.
  Result<std::vector<int32_t>> ids(const std::string& key) const;

  Error wrong_type(const std::string& key, const char* want) const;

 private:
  std::string who_;
  OrderedJson values_;
};

}  // namespace hearth

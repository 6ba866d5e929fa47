// NativeCode: machine code loaded from memory and ready to call.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace hearth {

// An ELF shared object. Copies share the code; it stays callable until the last one goes.
class NativeCode {
 public:
  static Result<NativeCode> load(Bytes elf);

  // The address of an exported function, or null.
  void* find(const std::string& symbol) const;

  template <class Function>
  Function* find_as(const std::string& symbol) const {
    return reinterpret_cast<Function*>(find(symbol));
  }

 private:
  struct Library;
  std::shared_ptr<const Library> library_;
};

}  // namespace hearth

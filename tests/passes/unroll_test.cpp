// unroll on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Unroll, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("unroll", unroll, Meaning::kept); }

}  // namespace
}  // namespace hearth

// vectorize on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Vectorize, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("vectorize", vectorize, Meaning::kept); }

}  // namespace
}  // namespace hearth

// integer_dot on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(IntegerDot, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("integer_dot", integer_dot); }

}  // namespace
}  // namespace hearth

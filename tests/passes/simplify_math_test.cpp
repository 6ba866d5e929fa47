// simplify_math on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(SimplifyMath, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("simplify_math", simplify_math); }

}  // namespace
}  // namespace hearth

// plan_memory on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(PlanMemory, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("plan_memory", plan_memory, Meaning::kept); }

}  // namespace
}  // namespace hearth

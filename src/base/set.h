// Set members: a file that holds this mark joins the set of its folder (cmake/sets.cmake finds it by its text).
//
//   HEARTH_SET_MEMBER(target, x86_64_v3)      in src/targets/x86_64_v3.cpp, which defines Target x86_64_v3()
#pragma once

#define HEARTH_SET_MEMBER(kind, name)

# Sets are folders: every file src/<folder>/<name>.cpp that holds HEARTH_SET_MEMBER(<kind>, <name>) joins the set.
# hearth_set(models model) writes <build>/sets/models.inc with one line `HEARTH_MEMBER(llama)` a member;
# the folder's registry includes that file, so nobody edits a table by hand.
function(hearth_set folder kind)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.cpp)
  set(lines "")
  foreach(source ${sources})
    file(STRINGS ${source} marks REGEX "^HEARTH_SET_MEMBER\\(${kind}, *[a-z0-9_]+\\)")
    foreach(mark ${marks})
      string(REGEX REPLACE "^HEARTH_SET_MEMBER\\(${kind}, *([a-z0-9_]+)\\).*" "\\1" name "${mark}")
      string(APPEND lines "HEARTH_MEMBER(${name})\n")
    endforeach()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  endforeach()
  string(REPLACE "/" "_" flat ${folder})
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/sets/sets/${flat}.inc CONTENT "${lines}" @ONLY)
  string(REGEX REPLACE "/.*" "" library ${folder})
  target_include_directories(hearth_${library} PRIVATE ${CMAKE_BINARY_DIR}/sets)
endfunction()

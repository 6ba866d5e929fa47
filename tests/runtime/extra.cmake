# What the runtime tests need: C kernels with the ABI of baked code, and the proof that the player holds no compiler.
add_library(test_runtime_kernels MODULE ${CMAKE_CURRENT_SOURCE_DIR}/runtime/kernels.c)
set_target_properties(test_runtime_kernels PROPERTIES PREFIX "" LINKER_LANGUAGE C)
add_dependencies(test_runtime test_runtime_kernels)
target_compile_definitions(test_runtime PRIVATE HEARTH_TEST_KERNELS="$<TARGET_FILE:test_runtime_kernels>")

if(TARGET hearth-player)
  add_test(NAME player.links_no_compiler
           COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/runtime/check_player.sh $<TARGET_FILE:hearth-player>)
endif()

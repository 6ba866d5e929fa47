# A shared object of C kernels with the ABI of baked code, for the tests of the CPU device.
add_library(test_runtime_kernels MODULE ${CMAKE_CURRENT_SOURCE_DIR}/runtime/kernels.c)
set_target_properties(test_runtime_kernels PROPERTIES PREFIX "" LINKER_LANGUAGE C)
add_dependencies(test_runtime test_runtime_kernels)
target_compile_definitions(test_runtime PRIVATE HEARTH_TEST_KERNELS="$<TARGET_FILE:test_runtime_kernels>")

# What is installed: runtime (the shared library), devel (headers and the CMake package), and one
# component a plugin (add_backend_plugin). Nothing refers to the place that it was built in or
# installed to, so the tree may be moved.

set(PERDURE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/perdure)
set_target_properties(perdure_core PROPERTIES INSTALL_RPATH "$ORIGIN")
install(
  TARGETS perdure_core
  EXPORT perdure_targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
          COMPONENT runtime
          NAMELINK_COMPONENT devel)
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/core/include/perdure ${PROJECT_BINARY_DIR}/core/include/perdure
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT devel
  FILES_MATCHING
  PATTERN "*.hpp")
install(
  EXPORT perdure_targets
  FILE perdureTargets.cmake
  NAMESPACE perdure::
  DESTINATION ${PERDURE_PACKAGE_DIR}
  COMPONENT devel)
configure_package_config_file(cmake/perdureConfig.cmake.in perdureConfig.cmake
                              INSTALL_DESTINATION ${PERDURE_PACKAGE_DIR})
write_basic_package_version_file(perdureConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/perdureConfig.cmake ${PROJECT_BINARY_DIR}/perdureConfigVersion.cmake
  DESTINATION ${PERDURE_PACKAGE_DIR}
  COMPONENT devel)

if(PERDURE_TESTS)
  get_target_property(sanitizer_flags perdure_sanitizers INTERFACE_COMPILE_OPTIONS)
  get_target_property(sanitizer_link_flags perdure_sanitizers INTERFACE_LINK_OPTIONS)
  string(REPLACE ";" " " sanitizer_flags "${sanitizer_flags}")
  string(REPLACE ";" " " sanitizer_link_flags "${sanitizer_link_flags}")
  string(REGEX REPLACE "[a-z_]*-NOTFOUND" "" sanitizer_flags "${sanitizer_flags}")
  string(REGEX REPLACE "[a-z_]*-NOTFOUND" "" sanitizer_link_flags "${sanitizer_link_flags}")
  add_test(
    NAME "package: an outside project builds against the installed tree"
    COMMAND
      ${CMAKE_COMMAND} -DBUILT=${PROJECT_BINARY_DIR} -DGENERATOR=${CMAKE_GENERATOR}
      -DOUTSIDE=${PROJECT_SOURCE_DIR}/cmake/tests/outside -DCOMPILER=${CMAKE_CXX_COMPILER}
      "-DCOMPILER_FLAGS=${CMAKE_CXX_FLAGS} ${sanitizer_flags}"
      "-DLINKER_FLAGS=${CMAKE_EXE_LINKER_FLAGS} ${sanitizer_link_flags}"
      "-DRUNTIME_PATH=${PERDURE_SANITIZER_RUNTIME}" -P
      ${PROJECT_SOURCE_DIR}/cmake/tests/package.cmake)
  set_tests_properties("package: an outside project builds against the installed tree"
                       PROPERTIES TIMEOUT 300)
endif()

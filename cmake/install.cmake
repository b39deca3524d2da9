# What is installed, by component: runtime (the shared library and the licence), devel (headers, the
# CMake package with perdure_lint, and the documents), tools (the perdure command), one a plugin with
# its SQL (add_backend_plugin), and tests (the programs that test or measure a backend). Nothing
# refers to the place that it was built in or installed to, so the tree may be moved.

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
install(PROGRAMS cmake/lint/lint-awaits DESTINATION ${PERDURE_PACKAGE_DIR} COMPONENT devel)
install(
  FILES cmake/lint/perdure_lint.cmake cmake/lint/awaits.clang-query
  DESTINATION ${PERDURE_PACKAGE_DIR}
  COMPONENT devel)
install(
  FILES LICENSE
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/perdure
  COMPONENT runtime)
install(
  FILES README.md
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/perdure
  COMPONENT devel)
# The memory backend is what an author of a backend begins with (docs/plugin-guide.md).
install(
  DIRECTORY plugins/memory/src/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/perdure/memory
  COMPONENT devel)
install(
  DIRECTORY docs examples
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/perdure
  COMPONENT devel)
if(PERDURE_SQLITE)
  install(
    DIRECTORY plugins/sqlite/sql/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/perdure/sql/sqlite
    COMPONENT sqlite)
endif()
if(PERDURE_POSTGRES)
  install(
    DIRECTORY sql/postgres/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/perdure/sql/postgres
    COMPONENT postgres
    PATTERN tests EXCLUDE)
endif()
set(PERDURE_PLUGIN_DIR ${CMAKE_INSTALL_LIBDIR}/perdure/plugins)
configure_package_config_file(
  cmake/perdureConfig.cmake.in ${PROJECT_BINARY_DIR}/perdureConfig.cmake
  INSTALL_DESTINATION ${PERDURE_PACKAGE_DIR}
  PATH_VARS PERDURE_PLUGIN_DIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/perdureConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
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
  add_test(NAME "package: as a subproject it adds what is wanted, and no tests"
           COMMAND ${PROJECT_SOURCE_DIR}/cmake/tests/subproject.sh ${PROJECT_BINARY_DIR}
                   ${CMAKE_CXX_COMPILER})
  set_tests_properties("package: as a subproject it adds what is wanted, and no tests"
                       PROPERTIES LABELS source TIMEOUT 120)
  if(NOT PERDURE_SANITIZE)
    add_test(NAME "package: the project of getting-started.md does what the page says"
             COMMAND ${PROJECT_SOURCE_DIR}/cmake/tests/getting_started.sh ${PROJECT_BINARY_DIR}
                     ${CMAKE_CXX_COMPILER})
    set_tests_properties("package: the project of getting-started.md does what the page says"
                         PROPERTIES LABELS slow SKIP_RETURN_CODE 77 TIMEOUT 300)
    add_test(NAME "package: the backends of plugin-guide.md pass the suite"
             COMMAND ${PROJECT_SOURCE_DIR}/cmake/tests/plugin_guide.sh ${PROJECT_BINARY_DIR}
                     ${CMAKE_CXX_COMPILER})
    set_tests_properties("package: the backends of plugin-guide.md pass the suite"
                         PROPERTIES LABELS slow TIMEOUT 900)
  endif()
endif()

# PERDURE_SANITIZE is a comma-separated list for -fsanitize=, or empty.

add_library(perdure_sanitizers INTERFACE)
add_library(perdure::sanitizers ALIAS perdure_sanitizers)
if(PERDURE_SANITIZE)
  target_compile_options(
    perdure_sanitizers INTERFACE -fsanitize=${PERDURE_SANITIZE} -fno-sanitize-recover=all
                                 -fno-omit-frame-pointer)
  target_link_options(perdure_sanitizers INTERFACE -fsanitize=${PERDURE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # One runtime for the executable and the plugins that it loads.
    target_link_options(perdure_sanitizers INTERFACE -shared-libsan)
    # Debian's -print-runtime-dir names a directory that does not exist; a runtime's own path is right.
    execute_process(
      COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.asan-${CMAKE_SYSTEM_PROCESSOR}.so
      OUTPUT_VARIABLE sanitizer_runtime
      OUTPUT_STRIP_TRAILING_WHITESPACE)
    get_filename_component(PERDURE_SANITIZER_RUNTIME ${sanitizer_runtime} DIRECTORY)
    list(APPEND CMAKE_BUILD_RPATH ${PERDURE_SANITIZER_RUNTIME})
  endif()
endif()

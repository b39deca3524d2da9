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
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-runtime-dir
                    OUTPUT_VARIABLE PERDURE_SANITIZER_RUNTIME OUTPUT_STRIP_TRAILING_WHITESPACE)
    list(APPEND CMAKE_BUILD_RPATH ${PERDURE_SANITIZER_RUNTIME})
  endif()
endif()

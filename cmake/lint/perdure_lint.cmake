# perdure_lint(TARGET [OPTIONAL]) looks at the awaits of a target's C++ sources when they have been
# compiled: a value that g++ before version 15 would destroy twice is an error of the build, with its
# cure. It is a part of `all`, and the target TARGET_lint by itself.
#
# Needs clang-query (Debian: clang-tools, or clang-tools-19), the Ninja or Makefile generator, and the
# target's sources to be there when it is called. Without clang-query configuring fails; with OPTIONAL
# it warns, and nothing is looked at.

function(perdure_lint target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OPTIONAL" "" "")
  find_program(
    PERDURE_CLANG_QUERY
    NAMES clang-query-21 clang-query-20 clang-query-19 clang-query-18 clang-query-17 clang-query-16
          clang-query
    DOC "Finds what g++ 12 compiles wrongly around co_await")
  if(NOT PERDURE_CLANG_QUERY)
    set(missing "perdure_lint(${target}): clang-query is missing, so that awaits which g++ before "
                "version 15 compiles wrongly would not be found. Install it (Debian: clang-tools-19),")
    list(JOIN missing "" missing)
    if(arg_OPTIONAL)
      message(WARNING "${missing} and configure again; nothing is looked at now.")
    else()
      message(FATAL_ERROR "${missing} or say perdure_lint(${target} OPTIONAL).")
    endif()
    return()
  endif()

  set_target_properties(${target} PROPERTIES EXPORT_COMPILE_COMMANDS ON)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  set(stamps)
  foreach(source IN LISTS sources)
    if(NOT source MATCHES "\\.(cpp|cc|cxx|C)$" OR source MATCHES "\\$<")
      continue()
    endif()
    get_filename_component(file ${source} ABSOLUTE BASE_DIR ${folder})
    get_filename_component(name ${source} NAME)
    string(REGEX REPLACE "([][+.*()^])" "\\\\\\1" object "/${name}.o")
    string(SHA1 stamp ${file})
    set(stamp ${CMAKE_CURRENT_BINARY_DIR}/${target}_lint/${stamp})
    # The object knows its headers.
    add_custom_command(
      OUTPUT ${stamp}
      COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/lint-awaits ${PERDURE_CLANG_QUERY} ${file} -p ${CMAKE_BINARY_DIR}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/${target}_lint
      COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
      DEPENDS ${file} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/lint-awaits ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/awaits.clang-query
              "$<FILTER:$<TARGET_OBJECTS:${target}>,INCLUDE,${object}>"
      COMMENT "Looking at the awaits of ${source}"
      VERBATIM)
    list(APPEND stamps ${stamp})
  endforeach()
  add_custom_target(${target}_lint ALL DEPENDS ${stamps})
endfunction()

# Installs core and the memory plugin, moves the installed tree, and builds and executes a project
# that knows nothing but where it is now.

set(work ${BUILT}/package_test)
file(REMOVE_RECURSE ${work})

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " text)
    message(FATAL_ERROR "failed (${result}): ${text}")
  endif()
endfunction()

foreach(component runtime devel memory)
  must(${CMAKE_COMMAND} --install ${BUILT} --prefix ${work}/installed --component ${component})
endforeach()
file(RENAME ${work}/installed ${work}/moved)

must(
  ${CMAKE_COMMAND}
  -G ${GENERATOR}
  -S ${OUTSIDE}
  -B ${work}/outside
  -DCMAKE_PREFIX_PATH=${work}/moved
  -DCMAKE_CXX_COMPILER=${COMPILER}
  -DCMAKE_CXX_FLAGS=${COMPILER_FLAGS}
  -DCMAKE_EXE_LINKER_FLAGS=${LINKER_FLAGS}
  -DCMAKE_BUILD_RPATH=${RUNTIME_PATH})
must(${CMAKE_COMMAND} --build ${work}/outside)
must(${CMAKE_COMMAND} -E env --unset=PERDURE_PLUGIN_PATH --unset=LD_LIBRARY_PATH
     ${work}/outside/outside ${work}/moved)

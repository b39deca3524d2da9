# add_backend_plugin(NAME source...) makes the module perdure-NAME.so. It links core, is never
# unloaded (-z nodelete), and must have no undefined symbol left.

function(add_backend_plugin name)
  add_library(perdure_${name} MODULE ${ARGN})
  target_link_libraries(perdure_${name} PRIVATE perdure::core perdure::warnings perdure::sanitizers)
  target_link_options(perdure_${name} PRIVATE -Wl,-z,nodelete)
  if(NOT PERDURE_SANITIZE)
    # A sanitizer's runtime comes with the executable.
    target_link_options(perdure_${name} PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(
    perdure_${name}
    PROPERTIES PREFIX ""
               OUTPUT_NAME perdure-${name}
               LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/perdure/plugins
               INSTALL_RPATH "$ORIGIN/../..")
  install(TARGETS perdure_${name}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/perdure/plugins COMPONENT ${name})
  set_property(GLOBAL APPEND PROPERTY PERDURE_PLUGINS ${name})
endfunction()

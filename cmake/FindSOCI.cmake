# Finds SOCI, whose Debian packages have neither a CMake package nor a pkg-config file.
#
#   find_package(SOCI 4.0 REQUIRED COMPONENTS postgresql)
#
# Targets: SOCI::core, and SOCI::NAME for each component (postgresql, sqlite3, ...). A backend's
# header includes that of its database, which the user links as well.

find_path(SOCI_INCLUDE_DIR soci/soci.h)
find_library(SOCI_CORE_LIBRARY soci_core)

if(SOCI_INCLUDE_DIR AND EXISTS ${SOCI_INCLUDE_DIR}/soci/version.h)
  file(STRINGS ${SOCI_INCLUDE_DIR}/soci/version.h SOCI_VERSION_LINE
       REGEX "^#define SOCI_LIB_VERSION \"[0-9_]+\"")
  string(REGEX REPLACE ".*\"([0-9_]+)\".*" "\\1" SOCI_VERSION "${SOCI_VERSION_LINE}")
  string(REPLACE "_" "." SOCI_VERSION "${SOCI_VERSION}")
endif()

foreach(component IN LISTS SOCI_FIND_COMPONENTS)
  find_library(SOCI_${component}_LIBRARY soci_${component})
  if(SOCI_${component}_LIBRARY)
    set(SOCI_${component}_FOUND TRUE)
  endif()
  mark_as_advanced(SOCI_${component}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  SOCI
  REQUIRED_VARS SOCI_CORE_LIBRARY SOCI_INCLUDE_DIR
  VERSION_VAR SOCI_VERSION
  HANDLE_COMPONENTS)
mark_as_advanced(SOCI_INCLUDE_DIR SOCI_CORE_LIBRARY)

if(SOCI_FOUND AND NOT TARGET SOCI::core)
  add_library(SOCI::core UNKNOWN IMPORTED)
  set_target_properties(SOCI::core PROPERTIES IMPORTED_LOCATION ${SOCI_CORE_LIBRARY}
                                              INTERFACE_INCLUDE_DIRECTORIES ${SOCI_INCLUDE_DIR})
endif()
if(SOCI_FOUND)
  foreach(component IN LISTS SOCI_FIND_COMPONENTS)
    if(SOCI_${component}_FOUND AND NOT TARGET SOCI::${component})
      add_library(SOCI::${component} UNKNOWN IMPORTED)
      set_target_properties(SOCI::${component} PROPERTIES IMPORTED_LOCATION
                                                          ${SOCI_${component}_LIBRARY})
      target_link_libraries(SOCI::${component} INTERFACE SOCI::core)
    endif()
  endforeach()
endif()

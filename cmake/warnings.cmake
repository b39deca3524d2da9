# What every target of ours is compiled with. Interface targets, so that nothing is global.

add_library(perdure_warnings INTERFACE)
add_library(perdure::warnings ALIAS perdure_warnings)
target_compile_options(
  perdure_warnings
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wshadow
            -Wold-style-cast
            -Woverloaded-virtual
            -Wnon-virtual-dtor
            -Wextra-semi
            # Of a unity build g++ takes every source for a header.
            $<$<AND:$<BOOL:${CMAKE_UNITY_BUILD}>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>
            $<$<BOOL:${PERDURE_WERROR}>:-Werror>)

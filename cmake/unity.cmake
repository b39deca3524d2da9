# Most of the time of a build goes into headers, and eight sources that are compiled together read them
# once. The presets for tests do so (CMAKE_UNITY_BUILD); the release preset compiles each source by
# itself, and so notices an include that is missing.

set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)

# compile_alone(TARGET source...): these define for themselves what a neighbour defines as well.
function(compile_alone target)
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES SKIP_UNITY_BUILD_INCLUSION
                                                                            ON)
endfunction()

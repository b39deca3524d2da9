# cmake -DMUTANTS=file.tsv -DNAME=mutant -DSOURCES=directory -DRESULT=file.cpp -P mutate.cmake
# Writes the mutant's source. A text that is not there, or more than once, is an error: the mutant
# would test nothing, or something else.

include(${CMAKE_CURRENT_LIST_DIR}/read_mutants.cmake)

file(READ "${MUTANTS}" lines)
set(mutant_name "")
while(NOT mutant_name STREQUAL NAME)
  if(lines STREQUAL "")
    message(FATAL_ERROR "${MUTANTS} has no mutant \"${NAME}\"")
  endif()
  take_mutant(lines)
endwhile()

file(READ "${SOURCES}/${mutant_file}" source)
string(FIND "${source}" "${mutant_find}" first)
string(FIND "${source}" "${mutant_find}" last REVERSE)
if(first EQUAL -1)
  message(FATAL_ERROR "mutant ${NAME}: ${mutant_file} does not contain the text:\n${mutant_find}")
endif()
if(NOT first EQUAL last)
  message(FATAL_ERROR "mutant ${NAME}: ${mutant_file} contains more than once:\n${mutant_find}")
endif()
string(REPLACE "${mutant_find}" "${mutant_replacement}" mutated "${source}")
file(WRITE "${RESULT}" "${mutated}")

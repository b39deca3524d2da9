# Reads mutants.tsv without lists, because C++ is full of semicolons and brackets.

# Takes what stands before the first `mark` out of the variable `rest`, together with the mark.
function(take_until mark rest result)
  string(FIND "${${rest}}" "${mark}" end)
  if(end EQUAL -1)
    set(${result} "${${rest}}" PARENT_SCOPE)
    set(${rest} "" PARENT_SCOPE)
    return()
  endif()
  string(SUBSTRING "${${rest}}" 0 ${end} taken)
  string(LENGTH "${mark}" length)
  math(EXPR next "${end} + ${length}")
  string(SUBSTRING "${${rest}}" ${next} -1 left)
  set(${result} "${taken}" PARENT_SCOPE)
  set(${rest} "${left}" PARENT_SCOPE)
endfunction()

# Sets mutant_name, mutant_file, mutant_find, mutant_replacement, mutant_test from the first line of
# the variable `lines`, and takes it out.
macro(take_mutant lines)
  take_until("\n" ${lines} mutant_line)
  take_until("\t" mutant_line mutant_name)
  take_until("\t" mutant_line mutant_file)
  take_until("\t" mutant_line mutant_find)
  take_until("\t" mutant_line mutant_replacement)
  set(mutant_test "${mutant_line}")
  string(REPLACE "\\n" "\n" mutant_find "${mutant_find}")
  string(REPLACE "\\n" "\n" mutant_replacement "${mutant_replacement}")
endmacro()

# Writes what the program says of itself: OUT/man/*.1 and *.5, also compressed, and OUT/completions.
#
#   cmake -DLARDER=PROGRAM -DOUT=FOLDER -DSOURCE=FOLDER -P manual.cmake
function(write file)
    execute_process(COMMAND ${ARGN} OUTPUT_FILE ${file} RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "could not write ${file}: ${failed}")
    endif()
endfunction()

# What a command that is gone has left must not be installed.
file(REMOVE_RECURSE ${OUT}/man ${OUT}/completions)
file(MAKE_DIRECTORY ${OUT}/man ${OUT}/completions/bash ${OUT}/completions/zsh ${OUT}/completions/fish)

execute_process(COMMAND ${LARDER} help --commands OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" commands "${commands}")
write(${OUT}/man/larder.1 ${LARDER} help --man)
foreach(command ${commands})
    write(${OUT}/man/larder-${command}.1 ${LARDER} help --man ${command})
endforeach()
write(${OUT}/man/larder.conf.5 awk -f ${SOURCE}/cmake/conf_page.awk ${SOURCE}/docs/configuration.md)
file(GLOB pages ${OUT}/man/*)
foreach(page ${pages})
    write(${page}.gz gzip -9nc ${page})
endforeach()

write(${OUT}/completions/bash/larder ${LARDER} help --completion bash)
write(${OUT}/completions/zsh/_larder ${LARDER} help --completion zsh)
write(${OUT}/completions/fish/larder.fish ${LARDER} help --completion fish)

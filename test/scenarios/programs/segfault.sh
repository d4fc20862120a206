#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes, in the current folder, the program `segfault`: an ELF file of one instruction, which reads from address 0.
{
	printf '\177ELF\001\001\001\0\0\0\0\0\0\0\0\0'
	printf '\002\0\003\0\001\0\0\0\124\200\004\010\064\0\0\0\0\0\0\0\0\0\0\0\064\0\040\0\001\0\0\0\0\0\0\0'
	printf '\001\0\0\0\0\0\0\0\0\200\004\010\0\200\004\010\131\0\0\0\131\0\0\0\005\0\0\0\0\020\0\0'
	printf '\241\0\0\0\0'
} > segfault && chmod 755 segfault

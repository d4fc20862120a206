# SPDX-License-Identifier: GPL-2.0-only
# Completion of snapctl(8) for bash: the commands, their options, policies, devices and files.
_snapctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} options=
	local call='-c --raw-devices --remote-filesystems'

	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W \
			'take suspend save rollback commit recover info verify load resume --help' -- "$word")
		return
	fi
	case ${COMP_WORDS[1]}:$previous in
	*:--raw-devices) options='substitute fail' ;;
	*:--remote-filesystems) options='fail readonly' ;;
	take:--on-failure) options='rollback nothing' ;;
	suspend:--on-failure) options='ask rollback commit poweroff' ;;
	*:--level | *:--timeout | *:--without) return ;;
	*)
		case ${COMP_WORDS[1]} in
		take) options="$call --on-failure" ;;
		suspend) options="$call --level --no-compression --keep --on-failure --timeout --no-recovery" ;;
		save) options='--level --no-compression --stdin --keep' ;;
		commit) options='--wait --no-wait --no-recovery --images-removed' ;;
		recover) options='--without' ;;
		load) options='-u --ignore-store' ;;
		resume) options='-u --check --ignore-store' ;;
		esac
		[[ $word == -* ]] || options=
		;;
	esac
	if [[ $options ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}
complete -o filenames -F _snapctl snapctl

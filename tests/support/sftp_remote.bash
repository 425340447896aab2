# shellcheck shell=bash
# Remotes of rclone for tests, to be sourced behind scenario.bash:
#
#   rclone_remotes               begins a configuration of rclone's in the scratch folder, with the remote "disk:", which is
#                                this machine's files
#   sftp_start                   starts a real sshd on a free port of 127.0.0.1, with a host key of its own, and adds the
#                                remote "sftp:"; its folder for stores is SFTP_FOLDER
#
# The sshd runs as the user that servers run as, for that user alone. It is no service of the machine's.
SFTP_FOLDER=

rclone_remotes()
{
    export RCLONE_CONFIG=$SCRATCH/rclone.conf
    printf '[disk]\ntype = local\n' >"$RCLONE_CONFIG"
}

sftp_start()
{
    local folder=$SCRATCH/sshd port user=${SERVER_OS_USER:-$(id -un)}

    port=$(server_free_port)
    mkdir -m 700 "$folder"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/host"
    ssh-keygen -q -t ed25519 -N '' -f "$SCRATCH/client"
    cp "$SCRATCH/client.pub" "$folder/authorized"
    printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d ' ' -f 1,2 "$folder/host.pub")" >"$SCRATCH/known_hosts"
    printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $folder/host" "AuthorizedKeysFile $folder/authorized" \
        'UsePAM no' 'StrictModes no' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' \
        "PidFile $folder/sshd.pid" 'Subsystem sftp internal-sftp' >"$folder/config"
    [ -z "$SERVER_OS_USER" ] || chown -R "$SERVER_OS_USER" "$folder"
    server_as /usr/sbin/sshd -f "$folder/config" -E "$folder/log"
    SFTP_FOLDER=$folder
    at_exit sftp_stop
    wait_until grep -q 'Server listening' "$folder/log"
    printf '[sftp]\ntype = sftp\nhost = 127.0.0.1\nport = %s\nuser = %s\nkey_file = %s\nknown_hosts_file = %s\n' \
        "$port" "$user" "$SCRATCH/client" "$SCRATCH/known_hosts" >>"$RCLONE_CONFIG"
}

sftp_stop()
{
    kill "$(cat "$SFTP_FOLDER/sshd.pid")" 2>/dev/null || true
}

# For the scripts beside it: whether a program's last words say that it reached no other machine.
#
#   if is_no_network "$log"; then …
#
# The words are those of apt, pip and npm. A server that answers, and refuses, is another matter.
is_no_network() {
    case $1 in
        *"Temporary failure resolving"* | *"Could not resolve"* | *"Could not connect to"* | *"Cannot initiate the connection"* | \
            *NewConnectionError* | *NameResolutionError* | *ConnectTimeoutError* | *ProxyError* | \
            *ENOTFOUND* | *EAI_AGAIN* | *ECONNREFUSED* | *ENETUNREACH* | *ETIMEDOUT* | \
            *"Network is unreachable"* | *"Temporary failure in name resolution"*) return 0 ;;
    esac
    return 1
}

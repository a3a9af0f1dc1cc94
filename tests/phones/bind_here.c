/* Gives a phone an address of its own on the loopback: a socket that it binds to any address is bound to BIND_HERE instead.
 *
 * A phone at 127.0.0.2 writes that address into its SDP, but its RTP socket is bound to 0.0.0.0, and for packets to 127.0.0.1 the
 * kernel then chooses 127.0.0.1 as their source. On a real network the two are the same; the exchange rightly refuses sound from
 * where nobody was announced. Preloaded by call.py; nothing else about the phone is changed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
	const char *here = getenv("BIND_HERE");
	struct sockaddr_in changed;

	if (here && address->sa_family == AF_INET && length >= sizeof changed) {
		memcpy(&changed, address, sizeof changed);
		if (changed.sin_addr.s_addr == htonl(INADDR_ANY) && inet_pton(AF_INET, here, &changed.sin_addr) == 1)
			return real(fd, (const struct sockaddr *)&changed, sizeof changed);
	}
	return real(fd, address, length);
}

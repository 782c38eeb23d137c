# One image, three uses:
#   web              the default command
#   worker           --no-healthcheck IMAGE python manage.py run_worker
#   Flight Service   --no-healthcheck IMAGE python -m flightsim --host 0.0.0.0   (the stand-in, for trying out)
# Before a new version starts: IMAGE python manage.py migrate
# It needs no writable file system but /tmp and /app/var: --read-only --tmpfs /tmp --tmpfs /app/var:uid=10001
# compose.yaml runs all of it; `make image` builds and tries it where there is no Docker engine.

# With a digest it is always the same image: see "Images by digest" in docs/operations.md.
ARG BASE=python:3.14-slim-trixie

FROM ${BASE} AS compile
# The base image is updated as a whole; single versions from it soon cannot be had any more.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
# Without a pip of its own: nothing is installed once the image is made.
RUN python -m venv --without-pip /venv
COPY requirements.txt /tmp/
RUN python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes --requirement /tmp/requirements.txt

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libmariadb3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bookings
# What installs packages is of use here only to an intruder.
RUN find /usr -path '*/python3*' \( -name ensurepip -o -name pip -o -name 'pip-*' -o -name setuptools \
        -o -name 'setuptools-*' -o -name pkg_resources -o -name wheel -o -name 'wheel-*' -o -name _distutils_hack \
        -o -name distutils-precedence.pth \) -prune -exec rm -rf {} + \
    && rm -rf /usr/share/python-wheels /usr/bin/pip* /usr/local/bin/pip* /usr/local/bin/wheel /usr/bin/wheel
COPY --from=compile /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DEBUG=false
WORKDIR /app
COPY manage.py ./
COPY templates templates
COPY flightsim flightsim
COPY bookingsite bookingsite
COPY bookings bookings
# The settings want values in production; these are for this one command and stay out of the image. What Python
# compiles is written now, as the running service cannot write it.
RUN SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(64))') ALLOWED_HOSTS=localhost CURRENCY=EUR \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q bookings bookingsite flightsim \
    && rm -rf var && mkdir var && chown 10001:10001 var
USER 10001:10001
# Forwards signals and reaps orphans. Only to the command itself, which stops in order what it has started.
ENTRYPOINT ["tini", "--"]
EXPOSE 8000
# Asked by a name that ALLOWED_HOSTS has, as any other would be refused.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; \
name = os.environ['ALLOWED_HOSTS'].split(',')[0].strip('*.') or 'localhost'; \
web.urlopen(web.Request('http://127.0.0.1:8000/health/live', headers={'Host': name}), timeout=4)"]
# How many processes and threads, and how long it drains before it stops: WEB_WORKERS, WEB_THREADS, DRAIN_SECONDS. Give
# it DRAIN_SECONDS and 15 more before it is killed: docker stop --time 20.
CMD ["python", "manage.py", "run_web", "--host", "0.0.0.0"]

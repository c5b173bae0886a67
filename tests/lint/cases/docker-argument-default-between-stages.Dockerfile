# expect: nothing of docker.*
ARG TARGET=base-amd64
ARG LEVEL=2
FROM ubuntu:24.04 AS base-amd64
ARG OPT=-O2
FROM ${UNKNOWN_BASE} AS last
# which image this is, and what it sets, is not known
ARG TARGET
RUN echo ${TARGET} ${OPT} ${LEVEL}

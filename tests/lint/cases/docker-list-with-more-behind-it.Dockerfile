# expect: FAIL docker.no-json 4
# expect: FAIL docker.no-json 5
FROM python:3.12.4
RUN ["python", "-m", "compileall", "/app",]
CMD ["python", "serve.py"]  # the server

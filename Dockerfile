# An image for hubs, and for one machine: the course from its wheels, JupyterLab, and what a JupyterHub starts.
#
#   python start.py dist
#   docker build -t gdw-course .
#   docker run --rm -p 127.0.0.1:8888:8888 gdw-course jupyter lab --ip=0.0.0.0 --no-browser
#
# No image has been built of it yet; its commands were run one by one (docs/install.md, "Known to work").
# torch for the processor alone makes it 4 GB smaller: give pip its index, --build-arg PIP_EXTRA_INDEX_URL=...
FROM python:3.13-slim
ARG PIP_EXTRA_INDEX_URL
COPY dist/*.whl /opt/gdw/
RUN python -m pip install --no-cache-dir /opt/gdw/*.whl jupyterhub jupyter-server-proxy
RUN useradd --create-home --uid 1000 student
USER student
WORKDIR /home/student
RUN gdw-course start course --copy-only
# A hub that mounts a volume over the home folder hides this copy: the user then runs the same command once.
EXPOSE 8888
CMD ["jupyterhub-singleuser"]

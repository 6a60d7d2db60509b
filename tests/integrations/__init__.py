"""zcasync in real applications: their web server, their database server, a supervisor, and HTTP.

``make integrations`` builds an environment with each (``.venv-plone``, ...) and runs its folder
there; the ordinary suite skips all of this.

- conftest: says which folder runs; ``place``: the folder of a site that its tests share
- servers: a database server with blobs, and the web server of a site, as processes
- browser: what a visitor does: GET, and POST of forms and files, over HTTP
- hosts: workers on several hosts, with what happens to hosts and networks
- zope, plone, pyramid: the tests, one folder an application
- relstorage: those over RelStorage on PostgreSQL
"""

"""python -m toolrec_cli"""

from toolrec_cli.app import main

main()

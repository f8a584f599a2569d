from ahpa.cli import main

main()
